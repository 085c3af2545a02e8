/** A remote control command of the app's own: what it returns is the answer, what it throws is told as an error. */
export type ControlCommand = (
  args: Readonly<Record<string, unknown>>,
  worker: { readonly hostname: string },
) => unknown
