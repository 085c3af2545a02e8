import { keepsNoAgreements } from '../../drivers/index.js'

/** Keeps an order for workers that are not up yet; a broker without a place for that leaves it to those that are. */
export async function whereAgreed(keep: () => Promise<void>): Promise<void> {
  try {
    await keep()
  } catch (error) {
    if (!keepsNoAgreements(error)) throw error
  }
}
