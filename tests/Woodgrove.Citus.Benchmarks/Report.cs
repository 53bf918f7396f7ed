using System.Globalization;
using System.Text;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>A result: on the console as it comes, and as Markdown beside the benchmark. Names no host and no path.</summary>
internal sealed class Report(string name, string title)
{
    private readonly StringBuilder _text = new StringBuilder($"# {title}\n\n").Append(CultureInfo.InvariantCulture,
        $"{DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores shared by client and servers, .NET {Environment.Version}.\n");

    public void Paragraph(string text)
    {
        Console.WriteLine(text);
        _text.Append('\n').Append(text).Append('\n');
    }

    public void Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        IReadOnlyList<string>[] all = [header, .. rows];
        int[] widths = [.. header.Select((_, i) => all.Max(r => r[i].Length))];
        string Line(IReadOnlyList<string> row) =>
            "| " + string.Join(" | ", row.Select((c, i) => i == 0 ? c.PadRight(widths[i]) : c.PadLeft(widths[i]))) + " |";
        IEnumerable<string> lines = [Line(header), "|" + string.Join("|",
            widths.Select((w, i) => i == 0 ? new string('-', w + 2) : new string('-', w + 1) + ":")) + "|", .. all[1..].Select(Line)];
        Paragraph(string.Join("\n", lines));
    }

    public void Save()
    {
        Directory.CreateDirectory(Metadata.Results);
        File.WriteAllText(Path.Combine(Metadata.Results, name + ".md"), _text.ToString());
    }

    /// <summary>A number with so many decimals, alike in every culture.</summary>
    public static string Number(double value, int decimals) => value.ToString("F" + decimals, CultureInfo.InvariantCulture);

    /// <summary>Bytes in megabytes of a million.</summary>
    public static string Megabytes(double bytes) => Number(bytes / 1e6, 0);

    /// <summary>The median, and in brackets the least and the greatest.</summary>
    public static string Spread(Samples samples, int decimals) =>
        $"{Number(samples.Median, decimals)} ({Number(samples.Min, decimals)} to {Number(samples.Max, decimals)})";
}
