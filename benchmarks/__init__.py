"""What ra-harvester costs, beside the least possible and what people would otherwise pick.

`make bench` runs it; docs/performance.md keeps and explains the result.
"""
