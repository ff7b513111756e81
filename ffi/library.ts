/**
 * Opens shared libraries on first use, and keeps them.
 *
 * @module
 */

/**
 * A function that opens `library` once, when first called.
 *
 * @throws {Error} from the function, naming the library, where it is missing
 */
export function lazyLibrary<const S extends Deno.ForeignLibraryInterface>(
  library: string,
  symbols: S,
): () => Deno.DynamicLibrary<S>["symbols"] {
  let opened: Deno.DynamicLibrary<S> | undefined;
  return () => {
    try {
      opened ??= Deno.dlopen(library, symbols);
    } catch (cause) {
      throw new Error(`cannot load ${library}`, { cause });
    }
    return opened.symbols;
  };
}
