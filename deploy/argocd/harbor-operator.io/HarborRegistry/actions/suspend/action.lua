-- Pauses the operator for this HarborRegistry: no writes, and existing objects stay.
obj.spec.suspend = true
return obj
