import { keepsNoAgreements } from '../../drivers/index.js'

/** Stores an order for workers that start later; with a broker that cannot store it, only current workers get it. */
export async function whereAgreed(keep: () => Promise<void>): Promise<void> {
  try {
    await keep()
  } catch (error) {
    if (!keepsNoAgreements(error)) throw error
  }
}
