"""The twin: what an ablation must give, worked out without any of Lashley's engines.

The network runs eagerly in float64. Every operation that PyTorch dispatches is seen. The units of a
layer are painted where the layer returns them, the paint is followed through whatever moves numbers
or acts on each alone, and where it ends for good the units are overwritten. So it does not matter
how a forward is spelled.
"""
