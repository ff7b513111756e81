/**
 * What arguments mean to `parseArgs`. An option named in none of the lists has
 * no type in the result: refuse it in `unknown`.
 */
export interface ParseOptions<
  TBoolean extends string = never,
  TString extends string = never,
  TCollect extends string = never,
  TDoubleDash extends boolean = false,
> {
  /** Options that take no value; false where absent. */
  readonly boolean?: readonly TBoolean[];
  /**
   * Options that take a text. One without a value, or before another option,
   * is the empty string. Name `_` to keep operands that look like numbers.
   */
  readonly string?: readonly TString[];
  /** Options that may be given again; an empty list where absent. */
  readonly collect?: readonly TCollect[];
  /** Boolean options that `--no-…` makes false. */
  readonly negatable?: readonly TBoolean[];
  /** Other names of an option: `{ b: "bundle" }`. */
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Values of options that were not given. */
  readonly default?: Readonly<
    & { [K in TBoolean]?: boolean | undefined }
    & { [K in Exclude<TString, TCollect>]?: string | undefined }
  >;
  /** Puts what follows `--` apart, under that name. */
  readonly "--"?: TDoubleDash;
  /**
   * Leaves all after the first operand alone, except that the first `--` is
   * taken wherever it stands: cut the arguments there first where it matters.
   */
  readonly stopEarly?: boolean;
  /**
   * Asked about each operand, and each option in no list (with its name as
   * `key`): false leaves it out.
   */
  readonly unknown?: (
    arg: string,
    key?: string,
    value?: unknown,
  ) => unknown;
}

/** What `parseArgs` found. */
export type Args<
  TBoolean extends string = never,
  TString extends string = never,
  TCollect extends string = never,
  TDoubleDash extends boolean = false,
> =
  & { [K in TBoolean]: K extends TCollect ? boolean[] : boolean }
  & {
    [K in Exclude<TString, "_">]: K extends TCollect ? string[]
      : string | undefined;
  }
  & { _: (TString & "_") extends never ? (string | number)[] : string[] }
  & (TDoubleDash extends true ? { "--": string[] } : Record<never, never>);

/** Sorts arguments into options and operands (`_`). */
export function parseArgs<
  const TBoolean extends string = never,
  const TString extends string = never,
  const TCollect extends TBoolean | TString = never,
  const TDoubleDash extends boolean = false,
>(
  args: readonly string[],
  options?: ParseOptions<TBoolean, TString, TCollect, TDoubleDash>,
): Args<TBoolean, TString, TCollect, TDoubleDash>;
