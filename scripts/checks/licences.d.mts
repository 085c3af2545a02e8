export function checkLicences(): Promise<string[]>
export function installed(): {
  readonly name: string
  readonly version: string
  readonly license: string | undefined
}[]
