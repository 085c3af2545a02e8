-- announce(version, channel): tells whoever watches that something changed.
local function announce(version, channel) redis.call('PUBLISH', channel, redis.call('INCR', version)) end
