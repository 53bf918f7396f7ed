namespace Woodgrove.Citus.Errors;

/// <summary>A row that was refused, in the terms of the user's own file.</summary>
/// <param name="Source">The file's path or address.</param>
/// <param name="Line">The physical line, from 1, on which the record ends; a header counts.</param>
/// <param name="Column">The column, where one is to blame.</param>
/// <param name="Value">The column's value as it stands in the file.</param>
/// <param name="SqlState">The five-character SQLSTATE.</param>
/// <param name="Reason">What the server, or the check before it, said.</param>
public sealed record RefusedRow(string Source, long? Line, string? Column, string? Value, string? SqlState, string Reason)
{
    /// <summary>What the server, or the check before it, said; long values in it are cut off.</summary>
    public string Reason { get; init; } = LongText.Shorten(Reason);
}
