using System.Text.RegularExpressions;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Schema;

/// <summary>An object as pg_dump writes it, with the comment that names it.</summary>
/// <param name="Type">In pg_dump's words, such as TABLE or FK CONSTRAINT.</param>
/// <param name="Tag">Its name there; of a constraint or trigger with the table's before it.</param>
internal sealed partial record DumpEntry(string Type, string Schema, string Tag, string Sql)
{
    private const string Heap = "heap";

    /// <summary>
    /// Splits a dump in plain text. Names are taken from comments that stand between statements, never from within a function's
    /// body or a string. Settings are left out, and so are psql's own commands; the access method of a table goes with it.
    /// </summary>
    public static List<DumpEntry> Read(string dump)
    {
        var entries = new List<DumpEntry>();
        Match? head = null;
        int from = 0;
        string method = Heap;
        foreach (SqlToken token in SqlTokens.ReadWithComments(dump))
        {
            if (token.Kind != SqlTokenKind.Comment) continue;
            Match next = Head().Match(token.Text);
            if (!next.Success && !token.Text.StartsWith("-- PostgreSQL database dump complete", StringComparison.Ordinal)) continue;
            string body = Take(dump[from..token.Start], out string? changed);
            if (head is not null && body.Length > 0)
            {
                string type = head.Groups["type"].Value, schema = head.Groups["schema"].Value;
                bool stored = method != Heap && type is "TABLE" or "MATERIALIZED VIEW";
                entries.Add(new DumpEntry(type, schema == "-" ? "" : schema, head.Groups["tag"].Value, stored
                    ? $"SET default_table_access_method = {method};\n{body}\nSET default_table_access_method = heap;" : body));
            }
            method = changed ?? method;
            (head, from) = (next.Success ? next : null, token.Start + token.Text.Length);
        }
        return entries;
    }

    /// <summary>A part of the dump without the settings and empty lines around its statements, where no string can be.</summary>
    private static string Take(string part, out string? method)
    {
        List<string> lines = [.. part.Split('\n')];
        method = null;
        while (lines.Count > 0 && IsAside(lines[0])) lines.RemoveAt(0);
        while (lines.Count > 0 && IsAside(lines[^1]))
        {
            if (Method().Match(lines[^1]) is { Success: true } changed) method = changed.Groups[1].Value;
            lines.RemoveAt(lines.Count - 1);
        }
        return string.Join('\n', lines);
    }

    private static bool IsAside(string line) => line.Trim() is "" or "--" || Setting().IsMatch(line);

    [GeneratedRegex(@"^-- Name: (?<tag>.*); Type: (?<type>[A-Z ]+); Schema: (?<schema>.*); Owner: .*$", RegexOptions.Multiline)]
    private static partial Regex Head();

    [GeneratedRegex("""^SET default_table_access_method = (\w+|"[^"]+");$""")]
    private static partial Regex Method();

    [GeneratedRegex("""^SET (default_tablespace|default_table_access_method) = ('[^']*'|\w+|"[^"]+");$""")]
    private static partial Regex Setting();
}
