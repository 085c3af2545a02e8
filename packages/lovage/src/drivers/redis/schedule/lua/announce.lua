-- announce(version, channel): notifies watchers of a change.
local function announce(version, channel) redis.call('PUBLISH', channel, redis.call('INCR', version)) end
