-- Ends the pause of this HarborRegistry.
obj.spec.suspend = false
return obj
