namespace Woodgrove.Citus.Schema;

/// <summary>What became of an object of a schema.</summary>
public enum SchemaImportState
{
    Applied,

    /// <summary>It exists, and is the same.</summary>
    Equal,

    /// <summary>It exists, and is another; it is left as it is.</summary>
    Different,

    /// <summary>It exists and is of a kind that is not compared, can't be recreated, or depends on what failed or differs.</summary>
    Skipped,
    Failed,
}
