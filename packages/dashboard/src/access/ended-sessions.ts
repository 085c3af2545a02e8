/** The memory of sessions that were ended before their time; several dashboards may share one, and it outlives them. */
export interface EndedSessions {
  /** Remembers a session until it would have expired, Unix ms. */
  endSession(id: string, expiresMs: number): Promise<void>
  isSessionEnded(id: string): Promise<boolean>
}
