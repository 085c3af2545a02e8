export const SOURCES: string
export function withAbsoluteLinks(text: string, folder?: string): string
export function changelogOf(name: string, text: string): string
export function papersOf(name: string): readonly (readonly [file: string, text: string])[]
