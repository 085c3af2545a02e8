/** A remote control command of the app's own: its return value is the reply, an exception is reported as an error. */
export type ControlCommand = (
  args: Readonly<Record<string, unknown>>,
  worker: { readonly hostname: string },
) => unknown
