using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Profiling;

/// <summary>Where a record stands; its line is counted only when asked for.</summary>
internal readonly record struct RecordPlace(RecordBlock Block, int End)
{
    public long Line => Block.LineAt(End);
}
