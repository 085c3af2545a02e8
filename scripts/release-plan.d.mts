interface Published {
  readonly folder: string
  readonly manifest: { readonly name: string; readonly version: string }
}
export function foldersToPublish(): readonly Published[]
export function releaseProblems(version: string, published: readonly Published[], changelog: string): string[]
export function notesOf(version: string, changelog: string): string
export function originProblems(
  published: readonly {
    readonly folder: string
    readonly manifest: { readonly name: string; readonly repository: { readonly url: string } }
  }[],
  origin: string,
): string[]
