namespace Woodgrove.Citus.Comparison;

/// <summary>What is different.</summary>
public enum TableDifferenceKind
{
    /// <summary>The source has the row, or has it more often.</summary>
    OnlyInSource,

    /// <summary>The target has the row, or has it more often.</summary>
    OnlyInTarget,

    /// <summary>Both have a row of this key, with other values.</summary>
    Different,

    /// <summary>In the source, the row is in a shard where no query by its distribution column finds it.</summary>
    MisplacedInSource,

    /// <summary>In the target, the row is in a shard where no query by its distribution column finds it.</summary>
    MisplacedInTarget,

    /// <summary>Only the source's table has the column; rows are compared without it.</summary>
    ColumnOnlyInSource,

    /// <summary>Only the target's table has the column; rows are compared without it.</summary>
    ColumnOnlyInTarget,

    /// <summary>The column's types write equal values as different texts; rows are compared without it.</summary>
    ColumnType,
}
