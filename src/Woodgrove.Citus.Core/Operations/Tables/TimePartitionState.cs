namespace Woodgrove.Citus.Operations.Tables;

/// <summary>What is at a range of time.</summary>
public enum TimePartitionState
{
    /// <summary>A partition.</summary>
    Present,

    /// <summary>The partition for what no other takes.</summary>
    Default,

    /// <summary>No partition: rows of that time are refused, or go to the default partition.</summary>
    Missing,
}
