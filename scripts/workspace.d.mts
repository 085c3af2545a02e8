/** A package of the workspace that has sources. */
export interface WorkspacePackage {
  readonly folder: string
  readonly name: string
  readonly manifest: object
  readonly isBuilt: boolean
  readonly isPublished: boolean
}
export declare const ROOT: string
export declare function packages(): readonly WorkspacePackage[]
export declare function doors(of: WorkspacePackage): readonly (readonly [door: string, source: string])[]
