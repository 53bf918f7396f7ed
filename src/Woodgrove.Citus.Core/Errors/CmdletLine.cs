namespace Woodgrove.Citus.Errors;

/// <summary>Lines of PowerShell in advice.</summary>
internal static class CmdletLine
{
    /// <summary>A value as an argument of a cmdlet: in apostrophes where PowerShell would read it otherwise.</summary>
    public static string Argument(string value) =>
        value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.') ? value : Quoted(value);

    /// <summary>A value in apostrophes; typographic ones end a string of PowerShell, too.</summary>
    public static string Quoted(string value) =>
        $"'{string.Concat(value.Select(c => c is '\'' or (>= '\u2018' and <= '\u201b') ? $"{c}{c}" : $"{c}"))}'";
}
