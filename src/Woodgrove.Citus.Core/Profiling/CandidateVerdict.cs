namespace Woodgrove.Citus.Profiling;

/// <summary>What is to be thought of a column to distribute by.</summary>
public enum CandidateVerdict
{
    /// <summary>The best of those that will do.</summary>
    Recommended,

    /// <summary>It would do.</summary>
    Possible,

    /// <summary>It would not.</summary>
    Unsuitable,

    /// <summary>Of a whole table: small, and joined by larger ones; a copy on every node serves it best.</summary>
    ReferenceTable,
}
