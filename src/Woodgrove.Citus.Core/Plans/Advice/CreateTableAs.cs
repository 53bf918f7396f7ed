using System.Text.RegularExpressions;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>A CREATE TABLE … AS, taken apart.</summary>
/// <param name="Name">The table, as it is written.</param>
/// <param name="Select">The query that fills it.</param>
internal sealed partial record CreateTableAs(string Name, string Select)
{
    /// <summary>Null for every other statement, and for temporary tables, which are local by intent.</summary>
    public static CreateTableAs? Of(string? sql) =>
        Statement().Match(sql ?? "") is { Success: true } m
            ? new CreateTableAs(m.Groups["name"].Value, m.Groups["select"].Value.TrimEnd().TrimEnd(';')) : null;

    [GeneratedRegex("""^\s*CREATE\s+(UNLOGGED\s+)?TABLE\s+(IF\s+NOT\s+EXISTS\s+)?(?<name>("([^"]|"")+"|[\w$]+)(\.("([^"]|"")+"|[\w$]+))?)\s+AS\s+(?<select>.+)$""", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Statement();
}
