using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Shards;

/// <summary>Errors of asking for placements.</summary>
internal static class PlacementErrors
{
    public static CitusException SeveralValues() =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            "-Value takes one value.", "Resolve-ShardPlacement takes many: 5, 7 | Resolve-ShardPlacement payment_events.");

    public static CitusException NoTable() =>
        new("CitusTableNeeded", CitusErrorKind.InvalidArgument,
            "-Value needs a -Table: each table has the value in another shard.", "Name the table.");
}
