using System.Text;

namespace Woodgrove.Citus.Comparison;

/// <summary>Reads the text of a row as PostgreSQL writes it: <c>(1,"a ""b""",,"")</c>.</summary>
internal static class RecordText
{
    /// <returns>The values; null is NULL.</returns>
    public static string?[] Parse(string text)
    {
        var values = new List<string?>();
        int i = 1;
        do values.Add(Field(text, ref i)); while (text[i++] == ',');
        return [.. values];
    }

    private static string? Field(string text, ref int i)
    {
        if (text[i] is ',' or ')') return null;
        var value = new StringBuilder();
        bool isQuoted = false;
        for (; isQuoted || text[i] is not (',' or ')'); i++)
        {
            if (text[i] == '\\') value.Append(text[++i]);
            else if (text[i] != '"') value.Append(text[i]);
            else if (isQuoted && text[i + 1] == '"') value.Append(text[++i]);
            else isQuoted = !isQuoted;
        }
        return value.ToString();
    }
}
