export function floorsOf(
  house: { readonly folder: string; readonly name: string },
  floors: readonly (readonly string[])[],
): readonly string[]
