-- Health of a HarborRegistry in Argo CD. The rules are those of kstatus, in the same order.
local conditions = {}
for _, condition in ipairs(obj.status ~= nil and obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function health(status, message)
  return {status = status, message = message}
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "the HarborRegistry is being deleted")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "the operator has not handled the current spec yet")
end

local ready = conditions["Ready"]
if ready == nil then
  return health("Progressing", "the operator has not reported a condition yet")
end

local message = ready.reason .. ": " .. ready.message
if is_true("Stalled") then
  return health("Degraded", message)
end
if is_true("Ready") then
  return health("Healthy", message)
end
if ready.reason == "Suspended" then
  return health("Suspended", message)
end
return health("Progressing", message)
