-- Which actions Argo CD offers for a HarborRegistry.
local is_suspended = obj.spec.suspend == true
local is_deleted = obj.metadata.deletionTimestamp ~= nil

return {
  reconcile = {disabled = is_suspended or is_deleted},
  suspend = {disabled = is_suspended or is_deleted},
  resume = {disabled = is_deleted or not is_suspended},
}
