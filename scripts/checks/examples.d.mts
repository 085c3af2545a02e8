export function examplesMissingIn(
  published: readonly {
    readonly folder: string
    readonly name: string
    readonly manifest: { readonly exports: Readonly<Record<string, { readonly types: string }>> }
  }[],
): readonly string[]
