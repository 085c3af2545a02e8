/** The content type of a body that says where the real one is kept. Python does not know it, and refuses it, unless it is taught. */
export const PAYLOAD_TYPE = 'application/x-lovage-payload'
