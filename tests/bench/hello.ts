/**
 * What any compiled program costs, before it does anything: the floor under
 * every command.
 *
 * @module
 */

Deno.stdout.writeSync(new TextEncoder().encode("hello\n"));
