export function linksOf(pages: readonly string[]): readonly string[]
