/**
 * The entry of `burrow cdi generate` in the table of commands.
 *
 * @module
 */

import type { Command } from "./table.ts";

/** `cdi generate`. */
export const GENERATE: Command = {
  summary: "write the CDI file of this host's NVIDIA GPUs",
  operands: "",
  count: [0, 0],
  options: [
    {
      name: "vendor",
      value: "NAME",
      help: "the vendor of the devices (default: nvidia.com)",
    },
    { name: "class", value: "NAME", help: "their class (default: gpu)" },
    {
      name: "driver-root",
      value: "DIR",
      help: "the root that the driver is installed in (default: /)",
    },
    {
      name: "library-dir",
      value: "DIR",
      repeat: true,
      help: "look for the driver's libraries in DIR first",
    },
    {
      name: "hook-path",
      value: "PATH",
      help: "the program of the hooks (default: burrow itself)",
    },
    {
      name: "output",
      value: "FILE",
      help: "write to FILE, `-` is stdout (default: in /var/run/cdi)",
    },
    {
      name: "format",
      value: "json|yaml",
      help: "how it is written (default: as FILE ends, or json)",
    },
    {
      name: "no-additional-gids",
      help: "do not add the groups of nodes, which need CDI 0.7.0",
    },
  ],
  load: () => import("./command/cdi_generate.ts"),
};
