namespace Woodgrove.Citus.Comparison;

/// <summary>A column whose value, or type, is another on the other side.</summary>
/// <param name="Source">As PostgreSQL writes it; null is NULL, or a column that is missing.</param>
/// <param name="Target">As PostgreSQL writes it; null is NULL, or a column that is missing.</param>
public sealed record ValueDifference(string Column, string? Source, string? Target)
{
    public override string ToString() => $"{Column}: {Shown(Source)} / {Shown(Target)}";

    private static string Shown(string? value) => value is null ? "NULL" : $"'{value}'";
}
