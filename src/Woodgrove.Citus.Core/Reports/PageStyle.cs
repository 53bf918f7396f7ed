namespace Woodgrove.Citus.Reports;

/// <summary>The page's style sheet, from <c>report.css</c> in this assembly.</summary>
internal static class PageStyle
{
    public static void AddTo(Html html)
    {
        using Stream sheet = typeof(PageStyle).Assembly.GetManifestResourceStream("report.css")!;
        html.AddStyle(new StreamReader(sheet).ReadToEnd());
    }
}
