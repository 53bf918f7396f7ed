using System.Collections.ObjectModel;

namespace Woodgrove.Citus.Plans;

/// <summary>Settings by name, with a text that shows them.</summary>
public sealed class PlanSettings(IEnumerable<KeyValuePair<string, string>> settings)
    : ReadOnlyDictionary<string, string>(new Dictionary<string, string>(settings))
{
    public override string ToString() => string.Join("; ", this.Select(s => $"{s.Key} = {s.Value}"));
}
