/**
 * The house's lint rules. They see each file's path from the top of the
 * repository, and the text and tree that the linter hands them.
 *
 * @module
 */

import { resolve } from "@std/path";
import { isLayered, refuseImport } from "./layers.ts";

/** Lines that a file of mod/ or ffi/, or main.ts, may have. */
export const MAX_LINES = 400;

const TOP = resolve(import.meta.dirname ?? ".", "../..") + "/";

/** The path of a file from the top of the repository. */
function fromTop(path: string): string {
  const absolute = resolve(path);
  return absolute.startsWith(TOP) ? absolute.slice(TOP.length) : path;
}

/** What an import names: a path from the top, or a package. */
function targetOf(path: string, specifier: string): string {
  return specifier.startsWith(".")
    ? fromTop(resolve(TOP, path, "..", specifier))
    : specifier;
}

/** Imports run one way: see layers.ts. */
const layers: Deno.lint.Rule = {
  create(context) {
    const path = fromTop(context.filename);
    if (!isLayered(path)) return {};

    function visit(
      node: Deno.lint.Node,
      source: Deno.lint.Node | null,
      typeOnly: boolean,
    ): void {
      if (source?.type !== "Literal" || typeof source.value !== "string") {
        return;
      }
      const target = targetOf(path, source.value);
      const message = refuseImport(path, target, typeOnly);
      if (message !== undefined) context.report({ node, message });
    }

    return {
      ImportDeclaration(node) {
        visit(node, node.source, node.importKind === "type");
      },
      ExportNamedDeclaration(node) {
        visit(node, node.source, node.exportKind === "type");
      },
      ExportAllDeclaration(node) {
        visit(node, node.source, node.exportKind === "type");
      },
      ImportExpression(node) {
        visit(node, node.source, false);
      },
    };
  },
};

/** A default export has no name of its own; only Deno's plugins need one. */
const noDefaultExport: Deno.lint.Rule = {
  create(context) {
    const path = fromTop(context.filename);
    if (path === "tests/lint/plugin.ts") return {};
    return {
      ExportDefaultDeclaration(node) {
        context.report({ node, message: "export it by name" });
      },
      ExportSpecifier(node) {
        const { exported } = node;
        if (exported.type === "Identifier" && exported.name === "default") {
          context.report({ node, message: "export it by name" });
        }
      },
    };
  },
};

/** The names that an exported declaration declares. */
function namesOf(declaration: Deno.lint.Node): string[] {
  if (declaration.type === "VariableDeclaration") {
    return declaration.declarations.flatMap(({ id }) =>
      id.type === "Identifier" ? [id.name] : []
    );
  }
  const id = "id" in declaration ? declaration.id : undefined;
  return id?.type === "Identifier" ? [id.name] : [];
}

/** Whether a JSDoc comment stands right before an offset. */
function hasJsDoc(text: string, offset: number): boolean {
  const before = text.slice(0, offset).trimEnd();
  if (!before.endsWith("*/")) return false;
  return before.slice(before.lastIndexOf("/*")).startsWith("/**");
}

/** Every export of mod/ and ffi/ says what it is. */
const jsdoc: Deno.lint.Rule = {
  create(context) {
    const path = fromTop(context.filename);
    if (!isLayered(path) || path === "main.ts") return {};
    const documented = new Set<string>();
    return {
      ExportNamedDeclaration(node) {
        if (node.source !== null) return;
        if (node.declaration === null) {
          const message = "export it where it is declared, with JSDoc";
          context.report({ node, message });
          return;
        }
        const names = namesOf(node.declaration);
        if (hasJsDoc(context.sourceCode.text, node.range[0])) {
          for (const name of names) documented.add(name);
          return;
        }
        // Of overloads, the first is documented for all.
        if (names.length > 0 && names.every((name) => documented.has(name))) {
          return;
        }
        const message = `"${names.join(", ")}" has no JSDoc comment`;
        context.report({ node, message });
      },
    };
  },
};

/** A file that does not fit the mind is two files. */
const maxLines: Deno.lint.Rule = {
  create(context) {
    const path = fromTop(context.filename);
    if (!isLayered(path)) return {};
    return {
      Program(node) {
        const lines = context.sourceCode.text.trimEnd().split("\n").length;
        if (lines <= MAX_LINES) return;
        const message = `${lines} lines, and ${MAX_LINES} are allowed`;
        context.report({ node, message });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    layers,
    "no-default-export": noDefaultExport,
    jsdoc,
    "max-lines": maxLines,
  },
};
export default plugin;
