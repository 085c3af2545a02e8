export function checkProducer(options?: {
  readonly package?: string
  readonly most?: number
}): Promise<readonly string[]>
