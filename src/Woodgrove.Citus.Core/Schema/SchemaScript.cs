using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Schema;

/// <summary>
/// Objects as a script that psql runs, with a comment before each that says what it is. The comments begin with a random
/// mark, so that no text within an object can be taken for one.
/// </summary>
public static class SchemaScript
{
    private const string Title = "-- Woodgrove.Citus schema script 1 ";

    private static readonly JsonSerializerOptions Json = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="source">Which database it is of.</param>
    public static string Write(IReadOnlyList<SchemaObject> objects, string source)
    {
        string mark = RandomNumberGenerator.GetHexString(16, lowercase: true);
        var script = new StringBuilder();
        script.Append(Title).Append(mark).Append('\n')
            .Append(SchemaErrors.HowToRun(VisibleText.Of(source))).Append("\n\n")
            .Append("SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSET check_function_bodies = false;\n"
                + "SET default_table_access_method = heap;\n")
            .Append("SELECT pg_catalog.set_config('search_path', '', false);\n");
        foreach (SchemaObject item in objects)
        {
            var head = new Head(item.Kind.ToString(), item.Name, [.. item.DependsOn], [.. item.Properties], item.PartOf, item.Note);
            script.Append("\n-- ").Append(mark).Append(' ').Append(JsonSerializer.Serialize(head, Json)).Append('\n');
            if (item.Note is not null) script.Append("-- ").Append(VisibleText.Of(item.Note.ReplaceLineEndings(" "))).Append('\n');
            script.Append(item.Sql).Append('\n');
        }
        return script.ToString();
    }

    /// <exception cref="CitusException">It is none that <see cref="Write"/> has written.</exception>
    public static IReadOnlyList<SchemaObject> Read(string script, string name)
    {
        string[] lines = script.Split('\n');
        // Line ends within a function's body are its own: only a file whose own lines end with CR LF has them in place of LF.
        if (lines[0].EndsWith('\r')) lines = [.. lines.Select(l => l.EndsWith('\r') ? l[..^1] : l)];
        if (lines is not [{ } first, ..] || !first.StartsWith(Title, StringComparison.Ordinal) || first.Length < Title.Length + 16)
            throw SchemaErrors.NotAScript(name, Title);
        string mark = $"-- {first[Title.Length..].Trim()} ";
        var objects = new List<SchemaObject>();
        for (int i = 1; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith(mark, StringComparison.Ordinal)) continue;
            int end = Array.FindIndex(lines, i + 1, l => l.StartsWith(mark, StringComparison.Ordinal));
            Head head = ReadHead(lines[i][mark.Length..], name, i + 1);
            IEnumerable<string> body = lines[(i + 1)..(end < 0 ? lines.Length : end)];
            if (head.Note is not null) body = body.Skip(1);
            objects.Add(new SchemaObject
            {
                Kind = Enum.Parse<SchemaObjectKind>(head.Kind), Name = head.Name, Sql = string.Join('\n', body).Trim('\n'),
                DependsOn = head.DependsOn, Properties = head.Properties, PartOf = head.PartOf, Note = head.Note,
            });
        }
        return objects;
    }

    private static Head ReadHead(string json, string name, int line)
    {
        try
        {
            Head head = JsonSerializer.Deserialize<Head>(json, Json)!;
            if (Enum.TryParse(head.Kind, out SchemaObjectKind _)) return head;
        }
        catch (JsonException)
        {
            // Said below.
        }
        throw SchemaErrors.NoObject(name, line);
    }

    private sealed record Head(string Kind, string Name, string[] DependsOn, SchemaProperty[] Properties, string? PartOf, string? Note);
}
