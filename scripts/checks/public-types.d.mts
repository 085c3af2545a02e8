export function publicTypesOf(
  published: readonly {
    readonly folder: string
    readonly name: string
    readonly manifest: { readonly exports: Readonly<Record<string, { readonly types: string }>> }
  }[],
): readonly string[]
