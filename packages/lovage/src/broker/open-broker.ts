import { type DriverOptions, type OpenDriver, openByScheme } from '../kernel/index.js'
import type { Broker } from './broker.js'

const DRIVERS: Readonly<Record<string, () => Promise<OpenDriver<Broker>>>> = {}

/** Opens the broker that a URL names. */
export function openBroker(url: string, options: DriverOptions): Promise<Broker> {
  return openByScheme('broker', DRIVERS, url, options)
}
