/** Ends a subscription; calling it twice does nothing. */
export type Unsubscribe = () => void
