// The entry point of a child of the prefork pool and of a thread of the threads pool. It loads the rest with the heap kept small.
import { keepYoungHeapSmall } from '../../../process/index.js'

keepYoungHeapSmall()
await import('./serve-parent.js')
