using System.Globalization;

namespace Woodgrove.Citus.Benchmarks;

/// <summary><c>--name value</c> pairs.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> _values = [];

    public Options(IEnumerable<string> args)
    {
        string[] words = [.. args];
        for (int i = 0; i + 1 < words.Length; i += 2) _values[words[i].TrimStart('-')] = words[i + 1];
    }

    public string? Text(string name) => _values.GetValueOrDefault(name);

    public int Number(string name, int otherwise) =>
        _values.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
