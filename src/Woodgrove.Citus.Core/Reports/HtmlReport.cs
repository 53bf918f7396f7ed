namespace Woodgrove.Citus.Reports;

/// <summary>A page about a cluster: one HTML file that needs no other, no network and no script.</summary>
public static class HtmlReport
{
    public static string Render(ReportFacts facts)
    {
        var html = new Html();
        html.Add($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="Woodgrove.Citus">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
            <link rel="icon" href="data:,">
            <title>{facts.Title}</title>
            <style>
            """);
        PageStyle.AddTo(html);
        html.Add($"""
            </style>
            </head>
            <body>
            <a class="skip" href="#main">Skip to the content</a>
            <header>
            <h1>{facts.Title}</h1>
            <p>{facts.Cluster} · {facts.Engine} · as {facts.UserName} · <time datetime="{facts.CreatedAt:yyyy-MM-ddTHH:mm:ssZ}">{facts.CreatedAt:d MMMM yyyy, HH:mm} UTC</time></p>
            </header>
            """);
        Section[] sections = [new CheckSection(facts), new ClusterSection(facts), new TableSection(facts), new ShardSection(facts),
            new ColocationSection(facts), new ImportSection(facts), new PlanSection(facts)];
        Section[] shown = [.. sections.Where(s => s.HasContent)];
        html.Add($"<nav aria-label=\"Sections\"><ul>")
            .Each(shown, s => html.Add($"<li><a href=\"#{s.Id}\">{s.Heading}</a></li>"))
            .Add($"</ul></nav><main id=\"main\" tabindex=\"-1\">");
        foreach (string missing in facts.Missing) html.Add($"<p class=\"note\" role=\"note\">{missing}</p>");
        foreach (Section section in shown)
        {
            html.Add($"<section id=\"{section.Id}\" aria-labelledby=\"{section.Id}-heading\"><h2 id=\"{section.Id}-heading\">{section.Heading}</h2>");
            section.AddTo(html);
            html.Add($"</section>");
        }
        return html.Add($"</main><footer><p>{ReportAdvice.Origin} Sizes include indexes and TOAST; a kB is 1,000 bytes.</p></footer></body></html>").ToString();
    }
}
