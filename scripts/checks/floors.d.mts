export function floorsOf(
  house: { readonly folder: string; readonly name: string },
  floors: readonly (readonly string[])[],
  options?: { readonly hasDoors?: boolean },
): readonly string[]
