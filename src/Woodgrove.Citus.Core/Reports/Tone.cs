namespace Woodgrove.Citus.Reports;

/// <summary>How good a state is: a colour of the page, and a sign for those who do not tell the colour.</summary>
internal sealed record Tone(string Name, string Sign)
{
    public static readonly Tone Good = new("good", "✓"), Fair = new("fair", "!"), Bad = new("bad", "✗");

    public override string ToString() => Name;

    public void Badge(Html html, string text) => html.Add($"<span class=\"badge {Name}\">{Sign} {text}</span>");
}
