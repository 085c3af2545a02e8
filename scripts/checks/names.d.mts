export function namesOf(house: { readonly folder: string }): readonly string[]
